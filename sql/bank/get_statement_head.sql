-- What stands above the rows of a statement, and what they are found by. No row: not there, or not theirs.
-- $1 business_id: the tenant
-- $2 statement_id: which one
-- $3 own_user_id (nullable): only of an account of this person; null: of any
-- index: statements_pk, accounts_pk
select s.id::text as statement_id, s.account_id::text as account_id, a.account_number, a.currency::text as currency,
  c.exponent::int as exponent, s.period_from::text as from_date, s.period_to::text as to_date, s.timezone,
  s.opening::text as opening, s.closing::text as closing, s.entries, s.through_entry_id::text as through_entry_id,
  encode(s.sha256, 'hex') as sha256, o.name as customer_name, b.name as business_name
from bank.statements s
join bank.accounts a on a.business_id = s.business_id and a.id = s.account_id
join core.customers o on o.business_id = a.business_id and o.id = a.customer_id
join core.businesses b on b.id = s.business_id
join core.currencies c on c.code = a.currency
where s.business_id = $1 and s.id = $2::uuid and ($3::uuid is null or o.user_id = $3::uuid);
