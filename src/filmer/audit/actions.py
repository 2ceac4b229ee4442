"""What is recorded, by name, and how the log tells it."""

# What the names begin with, as the log's filter calls it.
GROUPS = {
    "film": "Films",
    "order": "Orders",
    "rental": "Counter",
    "account": "Accounts",
    "card": "Cards on file",
    "mail": "Mail",
    "catalogue": "Imports",
    "database": "Backups",
}

# ``{}`` stands for the subject, ``{title}`` for the entry's title where the subject has another name. What one value
# was and is now follows by itself: "from … to …".
ACTIONS = {
    "film.price": "set the price of {}",
    "film.terms": "changed the rental terms of {}",
    "film.add_video": "added a video to {}",
    "film.remove_video": "removed a video of {}",
    "rental.hand_out": "handed out {title} of {}",
    "rental.take_back": "took back {title} of {}",
    "rental.write_off": "wrote off as lost {title} of {}",
    "order.cancel": "cancelled {}",
    "order.paid": "marked as paid {}",
    "order.given_back": "marked the money of {} as given back",
    "account.create": "opened {}",
    "account.invite": "opened {}, and made a link to choose a password",
    "account.email": "changed the e-mail address of {}",
    "account.disable": "closed {}",
    "account.enable": "opened again {}",
    "account.password": "set a new password of {}",
    "account.role": "changed the role of {}",
    "account.sign_out": "signed {} out everywhere",
    "account.export": "wrote all data of {} to a file",
    "account.delete": "deleted {}",
    "account.erase": "removed the person of {}",
    "account.add_favorite": "added a favourite of {}",
    "account.remove_favorite": "removed a favourite of {}",
    "account.clear_favorites": "removed all favourites of {}",
    "account.create_token": "made a token of {}",
    "account.revoke_token": "revoked a token of {}",
    "card.add": "put a card on file for {}",
    "card.remove": "removed a card of {}",
    "card.remove_all": "removed all cards on file",
    "mail.retry": "had {} tried again",
    "catalogue.import": "imported a catalogue",
    "catalogue.link": "began to look up films at TMDB",
    "account.import": "opened accounts of a file",
    "database.backup": "made a backup of everything",
    "database.restore": "restored everything from a backup",
}
