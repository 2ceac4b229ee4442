-- Suggestions while somebody types: GET /api/v1/search/suggestions (catalogue/suggestions.py).

-- The words of a folded title or name. Besides its pieces, what stands between two spaces is also a word written in
-- one: "spider-man's" has spider, man, s and spidermans. Nobody types more than 300 characters to find something.
-- What parts words is also in catalogue/suggestions.py, where the words of what was typed come from.
CREATE FUNCTION words_of(folded text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN array_to_tsvector(array_remove(
    CASE WHEN folded COLLATE "C" ~ '[^a-z0-9 ]' OR length(folded) > 300 THEN
        regexp_split_to_array(left(folded, 300) COLLATE "C",
            '[\u0001-/:-@[-`{-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u00d7\u00f7'
            '\u1680\u2000-\u206f\u3000-\u3004\u3008-\u3020\u3030\u30fb]+')
        || string_to_array(regexp_replace(left(folded, 300) COLLATE "C",
            '[\u0001-\u001f!-/:-@[-`{-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u00d7\u00f7'
            '\u1680\u2000-\u206f\u3000-\u3004\u3008-\u3020\u3030\u30fb]+', '', 'g'), ' ')
    ELSE string_to_array(folded, ' ') END, ''));

-- The more films a beginning fits, the sooner the best known are enough: so no look-up finds more than some hundred.
CREATE INDEX film_title_words ON catalogue.film USING gin (words_of(title_folded));
CREATE INDEX film_title_words_30000 ON catalogue.film USING gin (words_of(title_folded)) WHERE votes_desc <= 30000;
CREATE INDEX film_title_words_1000 ON catalogue.film USING gin (words_of(title_folded)) WHERE votes_desc <= 1000;
CREATE INDEX star_name_words ON catalogue.star USING gin (words_of(name_folded));
CREATE INDEX star_name_words_10 ON catalogue.star USING gin (words_of(name_folded)) WHERE film_count >= 10;
CREATE INDEX star_name_words_100 ON catalogue.star USING gin (words_of(name_folded)) WHERE film_count >= 100;
