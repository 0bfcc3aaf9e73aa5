-- A month of a budget in one line: what came in, was planned and spent, is to budget and is held.
-- $1 business_id: the tenant
-- $2 budget_id (nullable): which budget, of the person who asks; null: they have none
-- $3 month: its first day
-- index: budgets_pk, alloc_month_ix, cm_month_ix
select json_build_object('month', to_char($3::text::date, 'YYYY-MM'), 'income', coalesce(m.income, 0),
  'planned', coalesce(m.planned, 0), 'spent', -coalesce(m.activity, 0), 'remaining', coalesce(m.planned + m.activity, 0),
  'to_budget', case when m.month is null then 0 else m.to_budget end, 'held', coalesce(m.held, 0))::text as body
from (values (1)) v
left join budget.months($1::uuid, $2::uuid, $3::text::date, $3::text::date, false) m on true;
