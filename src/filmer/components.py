"""The components that requests use, made once in each process: stores, rules, and clients."""

import os
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from filmer.accounts.kept_sign_ins import KeptSignIns
from filmer.accounts.own_account import OwnAccount
from filmer.accounts.passwords import Passwords
from filmer.accounts.sessions import Sessions
from filmer.accounts.signing_in import SigningIn
from filmer.accounts.throttle import Throttle
from filmer.accounts.tokens import Tokens
from filmer.catalogue.connections import Catalogue
from filmer.catalogue.edition import Edition
from filmer.catalogue.index_follower import IndexFollower
from filmer.catalogue.search import Search
from filmer.clock import Clock
from filmer.community.popular import PopularFilms
from filmer.community.recommendations import Recommendations
from filmer.community.shelf_imports import ShelfImports
from filmer.community.shelves import Shelves
from filmer.currencies import currency_code
from filmer.errors import FilmerError
from filmer.http.uploads import Uploads
from filmer.mail.letters import Letters
from filmer.mail.links import Links
from filmer.mail.outbox import Outbox
from filmer.office import takings
from filmer.office.customers import Customers
from filmer.office.identity import ShopIdentity
from filmer.office.imports import Imports
from filmer.office.rebuilding import Rebuilding
from filmer.personal_data.leaving import Leaving
from filmer.rentals.counter import Counter
from filmer.rentals.reminders import Reminders
from filmer.rentals.sales import Sales
from filmer.rentals.stream_links import StreamLinks
from filmer.rentals.watching import Watching
from filmer.secret import SecretKey
from filmer.server.periodic import PeriodicTask
from filmer.settings import (
    Settings,
    has_inbox,
    parse_mail_from,
    parse_origin,
    parse_origins,
    parse_payment,
    parse_smtp_url,
)
from filmer.shop.cancelling import Cancelling
from filmer.shop.cards import CardsOnFile, OwnCards
from filmer.shop.cart import Carts
from filmer.shop.checkout import Checkout
from filmer.shop.counter_payments import CounterPayments
from filmer.shop.guest_carts import GuestCarts
from filmer.shop.order_mails import OrderMails
from filmer.shop.payment import Payments
from filmer.store.engines import data_directory
from filmer.store.postgres import Database
from filmer.store.valkey import SharedCache
from filmer.storefront.guest_cookies import GuestCookies
from filmer.storefront.notices import Notices
from filmer.storefront.pages import Pages
from filmer.storefront.pending_forms import PendingForms
from filmer.storefront.rendering import Assets, Templates
from filmer.tmdb.cache import TmdbCache
from filmer.tmdb.client import Tmdb
from filmer.tmdb.images import Images
from filmer.tmdb.rate_limit import RateLimit
from filmer.tmdb.sandbox.child import KEY as SANDBOX_KEY

if TYPE_CHECKING:
    from filmer.mail.delivery import Delivery
    from filmer.shop.stripe_payments import StripePayments


class Components:
    def __init__(self, settings: Settings, clock: Clock) -> None:
        """``settings`` must name a database."""
        if settings.database_url is None:
            raise ValueError("settings.database_url must be set")
        self.clock = clock
        self.database = Database(settings.database_url, size=settings.pool_size)
        self.shared = SharedCache(settings.redis_url, settings.redis_password)
        self.edition = Edition(settings.database_url, self.database)
        self.catalogue = Catalogue(self.database, self.edition)
        self.indexes = IndexFollower(self.catalogue, self.edition, data_directory(settings) / "search")
        self.edition.when_changed = self.indexes.follow
        self.shop = ShopIdentity(settings)
        self.edition.before_change = self.shop.follow
        self.search = Search(self.indexes)
        self.rebuilding = Rebuilding(self.database, settings.database_url)
        self.public_url = parse_origin(settings.public_url) if settings.public_url else None
        self.is_https = self.public_url is not None and self.public_url.startswith("https:")
        self.secret = SecretKey(settings)
        self.links = Links(self.secret)
        self.outbox = Outbox(clock, is_set_up=settings.smtp_url is not None)
        self._accounts(settings)
        self._shop(settings)
        self._community(settings)
        self._storefront(settings)
        self._mail(settings)

    def _accounts(self, settings: Settings) -> None:
        self.throttle = Throttle(self.clock, self.secret)
        self.leaving = Leaving(self.links, self.outbox, self.clock)
        self.sessions = Sessions(
            self.clock,
            idle=timedelta(minutes=settings.session_minutes),
            longest=timedelta(hours=settings.session_hours),
            is_secure=self.is_https,
            demo=settings.demo,
        )
        self.kept = KeptSignIns(self.sessions, self.secret, self.clock, is_secure=self.is_https, demo=settings.demo)
        passwords = Passwords(threads=max(1, min(os.cpu_count() or 1, 8) // max(1, settings.workers)))
        self.signing_in = SigningIn(
            self.database,
            self.sessions,
            self.kept,
            passwords,
            self.throttle,
            self.secret,
            self.clock,
            demo=settings.demo,
        )
        self.own_account = OwnAccount(
            self.database,
            self.signing_in,
            passwords,
            self.throttle,
            self.outbox,
            self.links,
            self.clock,
            sends_mail=self.outbox.is_set_up or has_inbox(settings),
            demo=settings.demo,
        )
        self.tokens = Tokens(self.clock, demo=settings.demo)
        self.customers = Customers(self.sessions, self.leaving, self.outbox, self.links, self.clock)

    def _shop(self, settings: Settings) -> None:
        self.sales = Sales(self.clock, start_days=settings.rental_start_days, hours=settings.rental_hours)
        self.watching = Watching(self.clock)
        self.counter = Counter(self.clock)
        self.stream_links = StreamLinks(self.secret, self.sessions, self.watching, self.clock)
        self.carts = Carts(settings.default_price, self.sales)
        self.guest_carts = GuestCarts(self.throttle, self.clock)
        self.own_cards = OwnCards(self.secret, self.throttle, demo=settings.demo)
        self.order_mails = mails = OrderMails(self.outbox, hold_days=settings.hold_days)
        self.stripe = self._stripe(settings, mails)
        self.reminders = Reminders(self.outbox, self.clock)
        payments = Payments(CardsOnFile(self.database, self.secret, demo=settings.demo), self.stripe)
        ways = parse_payment(settings.payment)
        self.checkout = Checkout(
            self.database, payments, self.sales, self.throttle, self.secret, self.clock, mails, ways=ways
        )
        self.counter_payments = CounterPayments(self.sales, self.clock, mails, hold_days=settings.hold_days)
        self.cancelling = Cancelling(
            self.database, payments, self.sales, self.clock, mails, hours=settings.cancel_hours
        )

    def _stripe(self, settings: Settings, mails: OrderMails) -> "StripePayments | None":
        """Where its keys are set, also if new orders are paid otherwise: earlier ones may have to be refunded."""
        if not settings.stripe_secret_key:
            return None
        from filmer.shop.stripe_client import StripeApi  # takes 0.2 s and memory, so only where it is used
        from filmer.shop.stripe_payments import StripePayments

        api = StripeApi(settings)
        return StripePayments(
            self.database, api, mails, self.clock, currency=currency_code(settings.currency or "") or ""
        )

    def _community(self, settings: Settings) -> None:
        rate_limit = RateLimit(
            self.shared, self.clock, per_second=settings.tmdb_requests_per_second, workers=settings.workers
        )
        self.tmdb = Tmdb(settings, rate_limit, self.clock)
        # The demo's TMDB sandbox has a credential as well, but no pictures worth showing.
        has_pictures = self.tmdb.is_set_up and not (settings.demo and settings.tmdb_api_key == SANDBOX_KEY)
        self.images = Images(self.tmdb, rate_limit, self.shared, self.clock, settings) if has_pictures else None
        self.tmdb_cache = TmdbCache(self.tmdb, self.shared, self.database, self.clock, settings)
        self.popular = PopularFilms(self.catalogue, self.tmdb_cache, self.clock)
        self.shelves = Shelves(
            self.database, self.tmdb_cache, self.shared, self.clock, cache_seconds=settings.cache_duration_seconds
        )
        self.shelf_imports = ShelfImports(self.database, self.search, self.shelves, self.clock)
        self.recommendations = Recommendations(self.search, self.shared, is_cached=settings.cache_duration_seconds > 0)

    def _storefront(self, settings: Settings) -> None:
        self.assets = Assets(self.shop)
        self.shop.when_changed = self.assets.take_identity
        self.uploads = Uploads()
        self.imports = Imports(self.database, settings.database_url or "", self.clock)
        self.templates = Templates(
            self.assets,
            shop=self.shop,
            public_url=self.public_url,
            default_price=settings.default_price,
            has_tmdb_pictures=self.images is not None,
            has_inbox=has_inbox(settings),
        )
        self.guest_cookies = GuestCookies(
            self.guest_carts, self.database, self.secret, self.clock, is_secure=self.is_https
        )
        notices = Notices(self.secret, self.clock, is_secure=self.is_https)
        self.pages = Pages(
            self.sessions,
            self.kept,
            self.templates,
            notices,
            PendingForms(self.secret, self.clock, self.shared, is_secure=self.is_https),
            self.database,
            carts=self.carts,
            edition=self.edition,
            media_origins=parse_origins(settings.media_origins),
        )

    def _mail(self, settings: Settings) -> None:
        sender = parse_mail_from(settings.mail_from) if settings.mail_from else ("", "")
        self.letters = Letters(self.links, self.shop, public_url=self.public_url, sender=sender)
        self.delivery = self._delivery(settings.smtp_url, sender[1]) if settings.smtp_url else None

    def _delivery(self, smtp_url: str, sender: str) -> "Delivery":
        from filmer.mail.delivery import Delivery  # takes 15 ms, so only where mail is sent
        from filmer.mail.smtp import Smtp

        return Delivery(self.database, Smtp(parse_smtp_url(smtp_url), sender), self.letters, self.clock)

    async def open(self) -> None:
        await self.database.open()
        with suppress(FilmerError):  # else once the database is there
            async with self.database.connection() as conn:
                await self.shop.follow(conn)
        self.edition.start()
        if self.delivery:
            self.delivery.start()

    @property
    def periodic_tasks(self) -> list[PeriodicTask]:
        """Called once a minute."""
        return [
            lambda: self.sessions.tidy(self.database),
            lambda: self.kept.tidy(self.database),
            lambda: self.own_account.tidy(self.database),
            lambda: self.tokens.tidy(self.database),
            lambda: self.checkout.tidy(self.database),
            lambda: self.sales.tidy(self.database),
            lambda: self.cancelling.tidy(self.database),
            lambda: self.counter_payments.tidy(self.database),
            *([partial(self.stripe.tidy, self.database)] if self.stripe else []),
            lambda: self.guest_carts.tidy(self.database),
            lambda: self.leaving.tidy(self.database),
            lambda: self.reminders.tidy(self.database),
            lambda: self.outbox.tidy(self.database),
            lambda: self.imports.tidy(self.database),
            lambda: takings.tidy(self.database, self.clock),
            self.tmdb_cache.tidy,
            self.rebuilding.tidy,
            self.shelf_imports.tidy,
        ]

    async def close(self) -> None:
        if self.delivery:
            await self.delivery.stop()
        await self.rebuilding.stop()
        await self.shelf_imports.stop()
        await self.tmdb_cache.close()
        if self.images:
            await self.images.close()
        await self.tmdb.close()
        if self.stripe:
            await self.stripe.api.close()
        await self.edition.stop()
        await self.indexes.close()
        await self.shared.close()
        await self.database.close()
