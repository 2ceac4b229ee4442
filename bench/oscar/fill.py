"""Makes the tables of the django-oscar shop, a film to sell, and users who are signed in.

Prints the number of the film and the users' session keys as JSON. ``SHOPPERS``: how many users.
"""

import json
import os
import sys

import django
from django.core.management import call_command

django.setup()

from django.conf import settings  # noqa: E402 - models can be imported when Django is set up
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from oscar.test.factories import create_product  # noqa: E402


def sign_in(number: int) -> str:
    """A new user's session key."""
    user = get_user_model().objects.create_user(f"mary{number}", f"mary{number}@example.com")
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


call_command("migrate", verbosity=0)
product = create_product(title="A film", price=4.99, num_in_stock=None, product_class="Film")
product.product_class.requires_shipping = False
product.product_class.track_stock = False
product.product_class.save()
sessions = [sign_in(number) for number in range(int(os.environ["SHOPPERS"]))]
json.dump({"product": product.pk, "sessions": sessions}, sys.stdout)
