#!/bin/sh
# /usr/local/bin/filmer: root's way to give commands to the shop of filmer.service, as its user and with its settings.
# The shell reads these as systemd does if values with blanks or any of & ; $ # stand in single quotes.
set -a
FILMER_DATA_DIR=/var/lib/filmer
[ ! -e /etc/filmer.env ] || . /etc/filmer.env
exec runuser -u filmer -- /opt/filmer/bin/filmer "$@"
