-- The next accounts whose interest is due (bank.find_due_interest); no accounts: the month is done for the business.
-- $1 limit_rows: how many at most
-- $2 except_ids: businesses that are left out
-- index: bacc_rates_ix, interest_periods_pk, interest_periods_owed_ix, interest_runs_pk
select d.business_id::text as business_id, d.period::text as period,
  to_json(d.account_ids)::text as account_ids
from bank.find_due_interest($1::int, $2::uuid[]) d;
