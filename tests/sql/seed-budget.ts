/** What must be nowhere in seeded budgets; each query returns the rows that contradict. */
export const budgetContradictions: Readonly<Record<string, string>> = {
  "roll-ups are what transactions come to": `select b.code, d.* from core.businesses b, budget.roll_up_drift(b.id) d limit 5`,
  "transactions lie between the first month and today": `select t.id from budget.transactions t
    join budget.budgets b on b.business_id = t.business_id and b.id = t.budget_id
    where t.occurred_on < b.first_month or t.occurred_on > (now() at time zone b.timezone)::date
      or t.created_at > now() or (t.created_at at time zone b.timezone)::date <> t.occurred_on limit 5`,
  "plans are for categories of spending, from the first month on": `select a.category_id from budget.allocations a
    join budget.budgets b on b.business_id = a.business_id and b.id = a.budget_id
    join budget.categories c on c.business_id = a.business_id and c.id = a.category_id
    join budget.category_groups g on g.business_id = c.business_id and g.id = c.group_id
    where g.is_income or a.month < b.first_month limit 5`,
  "who has a budget is a member, and has one": `select b.id from budget.budgets b
    where not b.is_default or not exists (select from core.memberships m
      where m.business_id = b.business_id and m.user_id = b.owner_id) limit 5`,
  "income is one group, and targets leave a tenth": `select g.budget_id from budget.category_groups g group by g.budget_id
    having count(*) filter (where g.is_income) <> 1 or sum(g.target_bps) <> 9000 limit 5`,
};

/** Of each login of the demo: whether their budget has what a person would have, in every month but the first. */
export const demoBudgets = `
  select u.email, count(distinct m.month)::int as months, count(distinct m.category_id)::int as categories,
    bool_and(i.income > 0) as has_income, sum(m.tx_count)::int > 100 as has_transactions
  from core.users u join budget.budgets b on b.owner_id = u.id
  join budget.category_months m on m.business_id = b.business_id and m.budget_id = b.id
  cross join lateral (select sum(x.activity) as income from budget.category_months x
    join budget.categories c on c.business_id = x.business_id and c.id = x.category_id and c.name = 'Salary'
    where x.business_id = b.business_id and x.budget_id = b.id) i
  where u.email like '%@demo.test' group by 1 order by 1`;
