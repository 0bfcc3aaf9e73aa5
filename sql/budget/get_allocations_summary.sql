-- The sums of what was planned and spent in a month of a budget (budget.allocation_view).
-- $1 business_id: the tenant
-- $2 budget_id (nullable): which budget, of the person who asks; null: they have none
-- $3 month: its first day
-- $4 currency: without a budget
-- index: budgets_pk, alloc_month_ix, cm_month_ix
select budget.allocation_view($1::uuid, $2::uuid, $3::text::date, $4, false)::text as body;
