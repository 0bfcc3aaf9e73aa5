/** Budgets of as many people, one of which has most transactions. */
const budgets = 100;
const months = 12;
const rows = 6_000;

/** Budgets of the largest business: `b` is that business, as in populate.ts. Budget 8 is the default one of `grown8`. */
export const budgetGrowth = `
  insert into budget.budgets (business_id, id, owner_id, name, currency, timezone, is_default, first_month)
    select business_id, md5('budget' || g)::uuid, md5('user' || g)::uuid, 'Home', 'NGN', 'Africa/Lagos', true, '2025-01-01'
    from b, generate_series(1, ${budgets}) g;
  insert into budget.category_groups (business_id, id, budget_id, name, is_income)
    select business_id, md5('group' || g || '/' || c)::uuid, md5('budget' || g)::uuid, 'Group ' || c, c = 1
    from b, generate_series(1, ${budgets}) g, generate_series(1, 7) c;
  insert into budget.categories (business_id, id, budget_id, group_id, name)
    select business_id, md5('category' || g || '/' || c)::uuid, md5('budget' || g)::uuid, md5('group' || g || '/' || c)::uuid,
      'Category ' || c
    from b, generate_series(1, ${budgets}) g, generate_series(1, 7) c;
  insert into budget.allocations (business_id, category_id, month, budget_id, planned)
    select business_id, md5('category' || g || '/' || c)::uuid, '2025-01-01'::date + make_interval(months => m),
      md5('budget' || g)::uuid, 1000
    from b, generate_series(1, ${budgets}) g, generate_series(2, 7) c, generate_series(0, ${months - 1}) m;
  insert into budget.transactions (business_id, id, budget_id, category_id, amount, occurred_on, payee, import_id)
    select business_id, md5('budgeted' || g || '/' || c || '/' || m)::uuid, md5('budget' || g)::uuid,
      md5('category' || g || '/' || c)::uuid, case c when 1 then 9000 else -900 end,
      '2025-01-05'::date + make_interval(months => m), 'Payee ' || c, 'line-' || c || '-' || m
    from b, generate_series(1, ${budgets}) g, generate_series(1, 7) c, generate_series(0, ${months - 1}) m
    union all
    select business_id, md5('spent' || g)::uuid, md5('budget8')::uuid,
      case when g % 20 > 0 then md5('category8/' || 1 + g % 7)::uuid end, -g, '2025-01-01'::date + g % 360,
      'Payee ' || g % 300, 'bank-' || g
    from b, generate_series(1, ${rows}) g;`;

/** The budget of `grown8`, a category of it for what is spent, and a transaction. */
export const budgetIds = `md5('budget8')::uuid::text as budget_id, md5('category8/2')::uuid::text as category_id,
  md5('group8/2')::uuid::text as budget_group_id, md5('user8')::uuid::text as budget_owner_id,
  md5('spent8')::uuid::text as budget_transaction_id`;

/** Tables of budgets that grow without bound. */
export const budgetGrowing = "budget.transactions budget.category_months budget.allocations";
