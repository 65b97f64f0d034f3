"""
Settings of every environment: they differ by variables, never by file.

README.md beside this file lists the variables. All problems of an environment are
named at once, and nothing starts with one left.
"""

import os
from pathlib import Path

from ledger.config import databases, logs, schedule
from ledger.config.currencies import CURRENCIES  # noqa: F401 (read by django-money)
from ledger.config.environment import Environment

BASE_DIR = Path(__file__).resolve().parents[2]
env = Environment(os.environ)

# --- Which environment -----------------------------------------------------------------
IS_TESTING = "PYTEST_VERSION" in os.environ
IS_PRODUCTION = env.choice("METERBOOK_ENV", ("development", "production"), "development") == (
    "production"
)
DEBUG = env.flag("METERBOOK_DEBUG", default=False)
HOME = Path(env.text("METERBOOK_HOME", str(BASE_DIR / ".meterbook"))).resolve()
if IS_TESTING and (worker := os.environ.get("PYTEST_XDIST_WORKER")):
    HOME /= worker  # a server for each: no worker's transactions hold back another's
env.require(
    holds=not (IS_PRODUCTION and DEBUG),
    otherwise="METERBOOK_DEBUG is on: it shows secrets to visitors, turn it off in production.",
)

# --- Secrets and hosts -----------------------------------------------------------------
SECRET_KEY = env.text("SECRET_KEY")
if not SECRET_KEY and not IS_PRODUCTION:
    SECRET_KEY = databases.development_key(env, home=HOME)
SECRET_KEY_FALLBACKS = env.names("SECRET_KEY_FALLBACKS")
KEY_PEPPER = env.text("METERBOOK_KEY_PEPPER")  # of API keys; the secret key unless given
env.require(
    holds=len(SECRET_KEY) >= 50 and len(set(SECRET_KEY)) >= 5,  # noqa: PLR2004
    otherwise="SECRET_KEY must be a random text of at least 50 characters.",
)
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS") or (
    [] if IS_PRODUCTION else ["localhost", "127.0.0.1", "[::1]"]
)
env.require(
    holds=bool(ALLOWED_HOSTS) and not (IS_PRODUCTION and "*" in ALLOWED_HOSTS),
    otherwise="ALLOWED_HOSTS must name the hosts that are served, with commas, without '*'.",
)
CSRF_TRUSTED_ORIGINS = env.names("METERBOOK_TRUSTED_ORIGINS")
env.require(
    holds=all("://" in origin for origin in CSRF_TRUSTED_ORIGINS),
    otherwise="METERBOOK_TRUSTED_ORIGINS must name origins with scheme, as https://books.example.",
)

# --- Applications ----------------------------------------------------------------------
INSTALLED_APPS = [
    "ledger.config.site.Admin",  # django.contrib.admin with our site
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "djmoney",
    "ledger",
    "wallets",
    "billing",
    "integrations",
]
MIDDLEWARE = [
    "ledger.config.requests.RequestId",
    "ledger.config.requests.Probes",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
LANE = {  # what is answered at gateway speed: see lane.py
    "POST /api/v1/access/check": "billing.api.access.access_check",
    "POST /api/v1/holds": "billing.api.holds.reserve",
}
WEB_THREADS = env.whole("METERBOOK_WEB_THREADS", 4, least=1)  # of a web worker, beside the lane
ROOT_URLCONF = "ledger.config.urls"
WSGI_APPLICATION = "ledger.config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database --------------------------------------------------------------------------
DATABASES = {"default": databases.default(env, home=HOME, is_testing=IS_TESTING)}
APP_LOGIN = databases.app_login(env)  # whom the doctor asks about, whoever runs it
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# --- Language, time, money -------------------------------------------------------------
LANGUAGE_CODE = "en"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_CURRENCY = "USD"

# --- Static files ----------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = HOME / "static"
_PLAIN = IS_TESTING or DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if _PLAIN
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = _PLAIN

# --- Who may sign in -------------------------------------------------------------------
_PASSWORDS = "django.contrib.auth.password_validation."
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"{_PASSWORDS}UserAttributeSimilarityValidator"},
    {"NAME": f"{_PASSWORDS}MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": f"{_PASSWORDS}CommonPasswordValidator"},
    {"NAME": f"{_PASSWORDS}NumericPasswordValidator"},
]
if IS_TESTING:
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LOGIN_URL = "admin:login"

# --- Transport security ----------------------------------------------------------------
# METERBOOK_HTTPS=false is for a production that is reached inside a private network only.
_HTTPS = env.flag("METERBOOK_HTTPS", default=IS_PRODUCTION)
SECURE_SSL_REDIRECT = _HTTPS
SECURE_HSTS_SECONDS = env.whole("METERBOOK_HSTS_SECONDS", 31_536_000) if _HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _HTTPS and env.flag(
    "METERBOOK_HSTS_SUBDOMAINS", default=True
)
if env.flag("METERBOOK_TRUST_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"

# --- Bodies ----------------------------------------------------------------------------
DATA_UPLOAD_MAX_MEMORY_SIZE = env.whole("METERBOOK_MAX_BODY_BYTES", 32 * 1024 * 1024, least=1024)

# --- Metering --------------------------------------------------------------------------
# How far ahead of ours a sender's clock may be; later events are refused.
METERBOOK_EVENT_CLOCK_SKEW_SECONDS = env.whole("METERBOOK_EVENT_CLOCK_SKEW_SECONDS", 300)

# Customers may live by clocks of their own, for trying out what time brings; never where money is
# real. Advancing one does what is due by the function that is named here.
METERBOOK_TEST_CLOCKS = env.flag("METERBOOK_TEST_CLOCKS", default=IS_TESTING)
METERBOOK_PREPARE = env.flag("METERBOOK_PREPARE", default=True)
METERBOOK_DUE = "billing.due.run_all"

# --- Who counts by the tree of customers, called as f(customer=…, from_id=…) when one is moved ---
CUSTOMER_MOVED = ["billing.budgets.moving.take_along"]

# --- Credit that is bought -------------------------------------------------------------
METERBOOK_TOPUP_DAYS = env.whole("METERBOOK_TOPUP_DAYS", 14, least=1)  # to be paid in
METERBOOK_BURN_PAID_FIRST = frozenset(env.names("METERBOOK_BURN_PAID_FIRST"))
# What moves more than this at once needs a second person, by asset; without: nothing does.
METERBOOK_APPROVAL_ABOVE = env.amounts("METERBOOK_APPROVAL_ABOVE")
# Differences of payments that are rounding: EUR=0.05,USD=0.05.
METERBOOK_PAYMENT_TOLERANCE = env.amounts("METERBOOK_PAYMENT_TOLERANCE")
METERBOOK_TOUCHED = "wallets.tasks.hint_evaluation"  # once credit has moved that somebody watches

# --- Taxes -----------------------------------------------------------------------------
# What a business customer's tax id must be before the customer owes the tax: well formed, or
# verified by its authority. Who decides about tax: a class by its dotted name, or our own rules.
METERBOOK_TAX_IDS = env.choice("METERBOOK_TAX_IDS", ("well_formed", "verified"), "well_formed")
TAX_PROVIDER = env.text("METERBOOK_TAX_PROVIDER")
METERBOOK_VIES = env.flag("METERBOOK_VIES", default=False)  # may ask the EU about VAT numbers
METERBOOK_VIES_URL = env.text(
    "METERBOOK_VIES_URL",
    "https://ec.europa.eu/taxation_customs/vies/rest-api/check-vat-number",
)

# --- API -------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "ledger.api.schema.Schema",
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "ledger.api.authentication.KeyAuthentication",
        "ledger.api.authentication.StaffSession",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["ledger.api.permissions.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["ledger.api.parsers.Json"],
    "EXCEPTION_HANDLER": "ledger.api.problems.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Meterbook",
    "DESCRIPTION": "A usage ledger: metered events become priced, double-entry postings.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "AllocationKind": "billing.models.payments.Allocation.Kind",
        "AlertKind": "wallets.models.alerts.Alert.Kind",
        "AssetKind": "ledger.models.books.Asset.Kind",
        "CustomerKind": "ledger.models.customers.Customer.Kind",
        "ChargeKind": "billing.models.charges.Charge.Kind",
        "ClosingCheckState": "billing.models.closing.ClosingCheck.State",
        "CorrectionKind": "billing.models.usage.Correction.Kind",
        "CouponKind": "billing.models.offers.Coupon.Kind",
        "BudgetAction": "billing.models.entitlements.Budget.Action",
        "DeadLetterStatus": "billing.models.usage.DeadLetter.Status",
        "EntitlementKind": "billing.models.entitlements.Entitlement.Kind",
        "InvoiceKind": "billing.models.invoices.Invoice.Kind",
        "InvoiceLineKind": "billing.models.invoices.InvoiceLine.Kind",
        "InvoiceRunState": "billing.models.invoices.Run.State",
        "InvoiceState": "billing.models.invoices.Invoice.State",
        "DisputeState": "billing.models.payments.Dispute.State",
        "DunningActKind": "billing.models.dunning.DunningAct.Act",
        "PaymentMethod": "billing.models.payments.Payment.Method",
        "RefundState": "billing.models.payments.Refund.State",
        "PeriodState": "ledger.models.periods.Period.State",
        "RechargeMethod": "wallets.models.topups.RechargeRule.Method",
        "AccountType": "ledger.models.accounts.Account.Type",
        "PaymentTerm": "billing.models.plans.PlanRateCard.Term",
        "RechargeRuleState": "wallets.models.topups.RechargeRule.State",
        "SettlementMode": "billing.models.plans.PlanVersion.Settlement",
        "WebhookDeliveryState": "integrations.models.webhooks.WebhookDelivery.State",
        "TaxIdType": "billing.tax.ids.TYPES",
        "TopUpState": "wallets.models.topups.TopUp.State",
        "VersionStatus": "billing.models.plans.Version.Status",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "ledger.api.schema.finish",
        "integrations.api.openapi.add_faces",
        "integrations.api.openapi.add_webhooks",
    ],
}

# --- Work outside of requests ----------------------------------------------------------
CELERY_BROKER_URL = env.text("CELERY_BROKER_URL", "memory://" if IS_TESTING else "database://ours")
CELERY_BROKER_TRANSPORT_OPTIONS = schedule.transport_options(
    CELERY_BROKER_URL, visibility=env.whole("METERBOOK_VISIBILITY_SECONDS", 300, least=1)
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a broker that is away comes back
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = schedule.QUEUE
CELERY_TASK_QUEUES = schedule.queues(CELERY_BROKER_URL)
CELERY_TASK_CREATE_MISSING_QUEUES = False  # a task for a queue that nobody reads is refused
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
JOBS = schedule.JOBS
OUTBOX_HANDLERS = schedule.OUTBOX_HANDLERS
APPROVAL_OPERATIONS = schedule.APPROVAL_OPERATIONS
USAGE_SHAPES = schedule.USAGE_SHAPES
OUTBOX_LEASE_SECONDS = env.whole("METERBOOK_OUTBOX_LEASE_SECONDS", 300, least=1)

# --- Verification: what packages above the ledger check, run by verify_ledger ----------
LEDGER_CHECKS = [
    "wallets.checks.lots_belong_to_grants",
    "wallets.checks.grants_were_posted",
    "wallets.checks.wallets_add_up",
    "wallets.checks.deferred_revenue_rolls_forward",
    "wallets.holds.checks.held_is_what_holds_set_aside",
    "wallets.holds.checks.holds_add_up",
    "wallets.holds.checks.shares_are_held",
    "wallets.holds.checks.captured_is_what_waits",
    "wallets.holds.checks.captures_add_up",
    "wallets.topups.checks.top_ups_are_owed",
    "wallets.topups.checks.top_ups_have_grants",
    "billing.checks.quantities_were_posted",
    "billing.checks.amounts_were_posted",
    "billing.checks.takings_add_up",
    "billing.checks.batches_were_posted",
    "billing.checks.events_are_those_taken",
    "billing.checks.events_were_counted",
    "billing.checks.charges_were_posted",
    "billing.reports.checks.reports_tie_out",
    "billing.price_checks.amounts_are_priced",
    "billing.price_checks.costs_were_posted",
    "billing.limit_checks.budgets_were_counted",
    "billing.limit_checks.coupons_keep_their_limits",
    "billing.limit_checks.budgets_are_held",
    "billing.limit_checks.burned_units_add_up",
    "billing.limit_checks.shares_were_counted",
    "billing.invoicing.checks.invoices_add_up",
    "billing.invoicing.checks.lines_say_what_they_do",
    "billing.invoicing.checks.billables_are_sums_of_lines",
    "billing.invoicing.checks.unbilled_ties_out",
    "billing.invoicing.checks.numbers_have_no_gap",
    "billing.invoicing.checks.nothing_is_forgotten",
    "billing.invoicing.checks.tax_ties_out",
    "billing.invoicing.checks.contents_are_as_issued",
    "billing.invoicing.checks.states_follow_what_is_open",
    "billing.payments.checks.documents_are_settled_by_allocations",
    "billing.payments.checks.money_was_given_once",
    "billing.payments.checks.what_was_taken_back_is_owed",
    "billing.payments.checks.receivables_tie_out",
    "billing.payments.checks.unapplied_cash_ties_out",
    "billing.payments.checks.refunds_tie_out",
    "billing.payments.checks.disputes_tie_out",
]

# --- What goes out ---------------------------------------------------------------------
# Networks whose addresses webhooks may call, beside the public internet: none unless named.
METERBOOK_WEBHOOK_PRIVATE_ADDRESSES = env.networks("METERBOOK_WEBHOOK_PRIVATE_ADDRESSES")
METERBOOK_WEBHOOK_SECONDS = env.whole("METERBOOK_WEBHOOK_SECONDS", 10, least=1)  # of one call
_MAIL = env.mail("METERBOOK_EMAIL_URL")
EMAIL_BACKEND = f"django.core.mail.backends.{_MAIL.backend}.EmailBackend"
EMAIL_HOST, EMAIL_PORT = _MAIL.host, _MAIL.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _MAIL.user, _MAIL.password
EMAIL_USE_TLS, EMAIL_USE_SSL = _MAIL.starts_tls, _MAIL.is_tls
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text("METERBOOK_EMAIL_FROM", "meterbook@localhost")

# --- Readiness -------------------------------------------------------------------------
READY_WORKER_SECONDS = env.whole("METERBOOK_READY_WORKER_SECONDS", 90, least=1)
READY_SEAL_SECONDS = env.whole("METERBOOK_READY_SEAL_SECONDS", 300, least=1)

# --- Logs ------------------------------------------------------------------------------
LOGGING_CONFIG = None
_STYLES = ("json", "console") if IS_PRODUCTION else ("console", "json")
LOG_FORMAT = env.choice("METERBOOK_LOG_FORMAT", _STYLES, _STYLES[0])
LOG_LEVEL = env.choice("METERBOOK_LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO")

env.check()
logs.configure(style=LOG_FORMAT, level=LOG_LEVEL)

# Tasks are sent from every process that has settings, so each one needs the application.
from ledger.config.celery import app as celery_app  # noqa: E402, F401
