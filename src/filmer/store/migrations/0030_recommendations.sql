-- Who likes a film, without a look at the tables: what others like who like the same films (decision 0038).
CREATE INDEX favorite_likes ON favorite (movie_id, account_id);
DROP INDEX favorite_movie;
CREATE INDEX rating_likes ON rating (movie_id, account_id) WHERE rating >= 3.5;
CREATE INDEX rating_liked_by ON rating (account_id, movie_id) WHERE rating >= 3.5;
