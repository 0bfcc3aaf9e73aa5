-- What a statement will say (bank.prepare_statement, which says what it refuses).
-- $1 business_id: the tenant
-- $2 account_id: of which account
-- $3 from_date: the first day of its period, of the business's calendar
-- $4 to_date: the last day
-- $5 own_user_id (nullable): only an account of this person; null: any
-- index: lent_asof_ix, accounts_pk, balance_snapshots_pk
select p.timezone, p.opening::text as opening, p.closing::text as closing, p.entries,
  p.through_entry_id::text as through_entry_id
from bank.prepare_statement($1::uuid, $2::uuid, $3::text::date, $4::text::date, $5::uuid) p;
