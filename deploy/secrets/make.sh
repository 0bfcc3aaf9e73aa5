#!/bin/sh
# Makes the secrets that compose.yaml reads, each in a file of its own beside this one. What is there already stays.
# The files can be read by everybody, and the folder by its owner alone: in a container the file is mounted without the
# folder, and the accounts there (65532, redis, grafana) are not its owner. Compose cannot change owner or mode of a secret
# that is a file: https://docs.docker.com/reference/compose-file/services/#secrets
set -eu
cd "$(dirname "$0")"
umask 022

random() { head -c 36 /dev/urandom | base64 | tr '+/' '-_'; }
# keep NAME: stores what comes in, unless there is something.
keep() { if [ -s "$1" ]; then cat > /dev/null; else cat > "$1"; fi; }

for name in jwt_secret postgres_password database_password monitor_password grafana_password redis_password; do
  random | keep "$name"
done
# In the form of Standard Webhooks; the receiver of one-time codes is given the same.
printf 'whsec_%s\n' "$(head -c 36 /dev/urandom | base64)" | keep otp_webhook_secret
# The mail server with user and password, smtps://user:password@mail.example.com: there is none until somebody writes it in.
printf '' | keep smtp_url
# The key of the service that answers chats: there is none until somebody writes it in.
printf '' | keep chat_api_key
# Secrets of payment providers, provider=secret with commas between them: there are none until somebody writes them in.
printf '' | keep webhook_secrets
printf 'postgres://countinghouse:%s@postgres:5432/countinghouse\n' "$(cat database_password)" | keep database_url
printf 'redis://:%s@redis:6379\n' "$(cat redis_password)" | keep redis_url
# `health` is for the container's own check and may do nothing but ping. https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/
printf 'user default on #%s ~* &* +@all\nuser health on nopass resetkeys resetchannels -@all +ping\n' \
  "$(printf %s "$(cat redis_password)" | sha256sum | cut -d ' ' -f 1)" | keep redis_users
chmod 700 .
