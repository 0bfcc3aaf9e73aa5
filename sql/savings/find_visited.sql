-- Whose answers a visit makes wrong: the accounts that are named by numbers, as a JSON array, and the ledger account of the
-- cash of who collects.
-- $1 business_id: the tenant
-- $2 member_id: who collects
-- $3 tracking_numbers: ten digits each
-- nullable: cash_id
-- index: savings_accounts_number_uq, agents_pk
select coalesce((select json_agg(n.id) from (
    select distinct savings.account_of($1, t.number) as id from unnest($3::text[]) t (number)) n
    where n.id is not null), '[]')::text as account_ids,
  (select g.cash_id from savings.agents g where g.business_id = $1 and g.id = $2) as cash_id;
