"""Runs the sandbox: `python -m workers.sandbox --port 8765`."""

import signal
import sys
from pathlib import Path

import click

from workers.sandbox.app import Config, NotLoopbackError, create_sandbox, require_loopback
from workers.sandbox.inbox import MailServer
from workers.sandbox.server import LoopbackServer
from workers.settings import is_loopback

DEFAULT_FLOW_INTERVAL = 360.0
"""What Flow keeps between two pulls of a key, by default; IndiaMART asks for 300 seconds."""


@click.command(help=__doc__)
@click.option("--port", type=int, required=True, help="The port on 127.0.0.1; 0 picks a free one.")
@click.option("--state", "state_file", type=click.Path(path_type=Path), help="Keeps what was seeded.")
@click.option("--app-id", envvar="META_APP_ID", default=Config.app_id)
@click.option("--app-secret", envvar="META_APP_SECRET", default=Config.app_secret, show_default=False)
@click.option("--verify-token", envvar="META_VERIFY_TOKEN", default=Config.verify_token, show_default=False)
@click.option("--webhook-url", envvar="SANDBOX_WEBHOOK_URL", help="Ends with /webhooks/meta.")
@click.option(
    "--public-url", envvar="FLOW_PUBLIC_URL", help="Flow's address, if no webhook address is given."
)
@click.option("--indiamart-interval", envvar="SANDBOX_INDIAMART_INTERVAL", type=float)
@click.option("--flow-interval", envvar="INDIAMART_MIN_INTERVAL_SECONDS", type=float, hidden=True)
@click.option("--razorpay-key-id", envvar="RAZORPAY_KEY_ID", default=Config.razorpay_key_id)
@click.option(
    "--razorpay-key-secret",
    envvar="RAZORPAY_KEY_SECRET",
    default=Config.razorpay_key_secret,
    show_default=False,
)
@click.option(
    "--razorpay-webhook-secret",
    envvar="RAZORPAY_WEBHOOK_SECRET",
    default=Config.razorpay_webhook_secret,
    show_default=False,
)
@click.option("--razorpay-webhook-url", envvar="SANDBOX_RAZORPAY_WEBHOOK_URL", help="…/webhooks/razorpay.")
@click.option("--alarm-secret", envvar="FLOW_ALARM_WEBHOOK_SECRET", hidden=True)
@click.option("--mail-port", type=int, help="Where mail is taken on 127.0.0.1; without it, none is.")
@click.option("--supabase-url", envvar="SUPABASE_URL", hidden=True)
def main(
    port: int,
    state_file: Path | None,
    app_id: str,
    app_secret: str,
    verify_token: str,
    webhook_url: str | None,
    public_url: str | None,
    indiamart_interval: float | None,
    flow_interval: float | None,
    razorpay_key_id: str,
    razorpay_key_secret: str,
    razorpay_webhook_secret: str,
    razorpay_webhook_url: str | None,
    alarm_secret: str | None,
    mail_port: int | None,
    supabase_url: str | None,
) -> None:
    """Serves until it is told to end."""
    if public_url and is_loopback(public_url):
        webhook_url = webhook_url or public_url.rstrip("/") + "/webhooks/meta"
        razorpay_webhook_url = razorpay_webhook_url or public_url.rstrip("/") + "/webhooks/razorpay"
    if indiamart_interval is None:
        indiamart_interval = (flow_interval or DEFAULT_FLOW_INTERVAL) * 300 / DEFAULT_FLOW_INTERVAL
    config = Config(
        app_id,
        app_secret,
        verify_token,
        webhook_url or None,
        indiamart_interval,
        state_file,
        razorpay_key_id,
        razorpay_key_secret,
        razorpay_webhook_secret,
        razorpay_webhook_url or None,
        alarm_secret,
    )
    try:
        require_loopback("SUPABASE_URL", supabase_url)
        app = create_sandbox(config)
    except NotLoopbackError as exc:
        click.echo(f"{exc} It was not started.", err=True)
        sys.exit(1)
    server = LoopbackServer(app, port)
    if mail_port:
        MailServer(app.extensions["inbox"], mail_port).start()

    def end(_number: int, _frame: object) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    click.echo(f"Ready: the sandbox listens on {server.url}")
    sys.stdout.flush()
    try:
        server.serve_forever(poll_interval=0.5)
    except KeyboardInterrupt:
        pass
    finally:
        sandbox = app.extensions["sandbox"]
        sandbox.webhooks.stop()
        with sandbox.meta.lock:
            sandbox.meta.save()
        with sandbox.razorpay.state.lock:
            sandbox.razorpay.state.save()


if __name__ == "__main__":
    main()
