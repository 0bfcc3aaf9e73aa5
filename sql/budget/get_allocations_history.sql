-- Income, plans and spending of a budget month by month, in the list envelope.
-- $1 business_id: the tenant
-- $2 budget_id (nullable): which budget, of the person who asks; null: they have none
-- $3 month: the first day of the last month
-- $4 months: how many
-- index: budgets_pk, alloc_month_ix, cm_month_ix
with flow as (
  select f.month, sum(f.activity) filter (where f.is_income) as income, sum(f.planned) as planned,
    -sum(f.activity) filter (where not f.is_income) as spent
  from budget.group_months($1::uuid, $2::uuid, ($3::text::date - make_interval(months => $4::int - 1))::date, $3::text::date) f
  group by f.month)
select json_build_object('data', json_agg(json_build_object('month', to_char(s.month, 'YYYY-MM'),
    'income', coalesce(f.income, 0), 'planned', coalesce(f.planned, 0), 'spent', coalesce(f.spent, 0),
    'remaining', coalesce(f.planned, 0) - coalesce(f.spent, 0)) order by s.month),
  'meta', json_build_object('next_cursor', null, 'has_more', false))::text as body
from generate_series($3::text::timestamp - make_interval(months => $4::int - 1), $3::text::timestamp, interval '1 month') s (month)
left join flow f on f.month = s.month::date;
