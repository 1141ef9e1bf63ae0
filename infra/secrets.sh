#!/bin/sh
# Makes the secrets of `docker-compose.yml`, by chance, in the folder that it takes them from (SECRETS, else secrets/ beside it); what is
# there stays. The folder is closed to others; the files in it are readable, because each is mounted into a container whose user is another.
set -eu
cd "$(dirname "$0")/.."
folder=${SECRETS:-secrets}
umask 077
mkdir -p "$folder"
for name in postgres_password owner_password listings_password matching_password notifications_password \
  internal_token token_secret link_secret meilisearch_master_key; do
  [ -s "$folder/$name" ] && continue
  head -c 36 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n' >"$folder/$name.unfinished"
  chmod 444 "$folder/$name.unfinished"
  mv "$folder/$name.unfinished" "$folder/$name"
done
echo "the secrets are in $folder"
