-- Keeps a provider's event before anything is done with it. `is_known`: there is a business of this code, or none was named;
-- otherwise nothing is kept. An event that is there already stays as it is.
-- $1 provider: its name in WEBHOOK_SECRETS
-- $2 event_id: the provider's id of it
-- $3 business_code (nullable): whose secret signed it
-- $4 body: as it was signed
-- $5 is_payment: that money has come
-- $6 reference (nullable): what was paid
-- $7 amount (nullable): digits, minor units
-- $8 currency (nullable): ISO 4217
-- $9 paid_at (nullable): RFC 3339
-- index: webhook_events_pk, businesses_code_uq
with kept as (
  insert into savings.webhook_events (provider, event_id, business_id, body, is_payment, reference, amount, currency, paid_at)
  select $1::text, $2::text, b.id, $4::text, $5::bool, $6::text, $7::text::bigint, $8::text, $9::text::timestamptz
  from (values (1)) one left join core.businesses b on b.code = $3::text
  where $3 is null or b.id is not null
  on conflict on constraint webhook_events_pk do nothing)
select $3::text is null or exists (select from core.businesses b where b.code = $3) as is_known;
