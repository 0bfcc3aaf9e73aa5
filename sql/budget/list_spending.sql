-- What was spent from a budget, by category, payee or month: money of every category that is not income, money back taken off.
-- Whole months come from the roll-up, what is left of the days from transactions, payees from transactions alone. In tracking
-- mode hidden categories do not count. No row: there is no such budget.
-- $1 business_id: the tenant
-- $2 user_id: whose budget it is
-- $3 budget_id: which budget
-- $4 from_date (nullable): first day; null from the budget's beginning
-- $5 to_date (nullable): last day; null to its end
-- $6 group_by: category, payee, month
-- $7 after (nullable): keyset of the last row seen: its place and its name, as a JSON array
-- $8 limit_rows: rows a page
-- nullable: last_key
-- index: budgets_pk, cm_month_ix, btx_page_ix
with b as materialized (
  select * from budget.budgets b where b.business_id = $1 and b.id = $3::uuid and b.owner_id = $2::uuid and b.deleted_at is null),
span as (                                                  -- whole months: from whole_from to before whole_to
  select d.*, date_trunc('month', d.first_day::timestamp + interval '1 month' - interval '1 day')::date as whole_from,
    date_trunc('month', d.last_day::timestamp + interval '1 day')::date as whole_to
  from (
    select coalesce($4::date, b.first_month) as first_day,
      coalesce($5::date, (b.first_month + interval '50 years')::date - 1) as last_day from b) d),
ranges as (
  select r.* from span s cross join lateral (
    select s.first_day, s.last_day where $6::text = 'payee' or s.whole_from >= s.whole_to
    union all select s.first_day, s.whole_from - 1 where $6 <> 'payee' and s.whole_from < s.whole_to
    union all select s.whole_to, s.last_day where $6 <> 'payee' and s.whole_from < s.whole_to) r
  where r.first_day <= r.last_day),
moved as (
  select m.category_id, m.month, null::text as payee, m.activity as amount, m.tx_count from span, budget.category_months m
  where m.business_id = $1 and m.budget_id = $3 and m.month >= whole_from and m.month < whole_to
    and $6 <> 'payee'
  union all
  select t.category_id, t.month, case $6 when 'payee' then t.payee end, t.amount, 1 from ranges r join budget.transactions t
    on t.occurred_on between r.first_day and r.last_day
  where t.business_id = $1 and t.budget_id = $3 and t.deleted_at is null),
summed as materialized (
  select category_id, case $6 when 'month' then month end as month, payee, sum(amount) as amount, sum(tx_count) as tx_count
  from moved group by 1, 2, 3 having sum(tx_count) > 0),
spent as materialized (
  select s.month, s.payee, case $6 when 'category' then c.id end as category_id, case $6 when 'category' then c.name end as name,
    case $6 when 'category' then g.id end as group_id, case $6 when 'category' then g.name end as group_name,
    -sum(s.amount) as spent, sum(s.tx_count) as transactions
  from summed s cross join b
  join budget.categories c on c.business_id = $1 and c.id = s.category_id
  join budget.category_groups g on g.business_id = $1 and g.id = c.group_id
  where not g.is_income and not (b.mode = 'tracking' and (c.hidden or g.hidden))
  group by 1, 2, 3, 4, 5, 6),
placed as materialized (
  select s.*, case $6 when 'month' then 0 else -spent end as place,
    coalesce(category_id::text, month::text, payee, '') collate "C" as key
  from spent s),
page as materialized (
  select *, row_number() over (order by place, key) as position from placed
  where $7::text is null or (place, key) > (($7::jsonb ->> 0)::numeric, $7::jsonb ->> 1)
  order by place, key limit $8::int + 1)
select coalesce((
    select json_agg(case $6
      when 'category' then json_build_object('category_id', category_id, 'name', name, 'group_id', group_id,
        'group_name', group_name, 'spent', spent, 'transactions', transactions)
      when 'payee' then json_build_object('payee', payee, 'spent', spent, 'transactions', transactions)
      else json_build_object('month', to_char(month, 'YYYY-MM'), 'spent', spent, 'transactions', transactions) end
      order by position)
    from page where position <= $8), '[]')::text as data,
  (select count(*) > $8 from page) as has_more,
  (select json_build_array(place::text, key)::text from page where position <= $8 order by position desc limit 1) as last_key,
  (select json_build_object('currency', b.currency, 'spent', coalesce(sum(spent), 0),
      'transactions', coalesce(sum(transactions), 0),
      'uncategorized', coalesce((select sum(amount) from summed where category_id is null), 0))
    from spent)::text as totals
from b;
