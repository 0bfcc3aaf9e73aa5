-- Keeps a statement of an account, as it was prepared and its rows were hashed.
-- $1 act: who acts, and the idempotency key
-- $2 statement_id: id of the new row
-- $3 account_id: of which account
-- $4 from_date: the first day of its period
-- $5 to_date: the last day
-- $6 timezone: IANA zone that its days are of
-- $7 opening: minor units, as text
-- $8 closing: minor units, as text
-- $9 entries: rows
-- $10 through_entry_id: the account's last entry when it was prepared
-- $11 sha256: of the rows
-- nullable: location
-- index: accounts_pk, statements_period_uq
with act as materialized (select * from core.begin_act($1::text::jsonb)),
created as (
  insert into bank.statements as s (business_id, id, account_id, period_from, period_to, timezone, opening, closing, entries,
    through_entry_id, sha256)
  select act.business_id, $2::uuid, $3::uuid, $4::text::date, $5::text::date, $6::text, $7::text::bigint, $8::text::bigint,
    $9::int, $10::text::bigint, $11::bytea
  from act
  returning s.id, s.version, bank.statement_body(s)::text as body)
select 201 as status, version, '/api/v1/statements/' || id as location,
       core.end_act($1::text::jsonb, 201, body, '/api/v1/statements/' || id, version) as body
from created;
