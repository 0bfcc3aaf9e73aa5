/** Groups of operations, in the order the page shows them. */
export const tagDescriptions: Readonly<Record<string, string>> = {
  Authentication: "Log in, refresh, log out, change the password, one-time codes",
  Me: "The caller's own profile, sessions and active business",
  "Savings: products": "What can be saved for, and on which terms",
  "Savings: accounts": "Plans of customers, slot by slot, and how they stand",
  "Savings: collections": "What agents collect, one visit or a day's round at a time",
  "Savings: cash": "What agents hand over, and what they spend",
  "Savings: online payments": "What payment providers tell us of payments into savings",
  "Savings: payments": "Paying savings back: asked for, decided by somebody else, paid; commissions",
  "Savings: figures": "What is going on in savings, of a business, an agent or a customer",
  "Budget: budgets": "What a person plans their money in: their own, and nobody else sees it",
  "Budget: categories": "What money is planned for and spent on, in groups",
  "Budget: months": "Plans, balances and what carries over, computed when they are read",
  "Budget: allocations": "Views of the default budget, for clients of the former budget API",
  "Budget: transactions": "Money in and out of a budget, and what of it was spent",
  "Shop: dashboard": "The figures of the shop floor, each answer one statement",
  "Shop: jobs": "Jobs from the first draft to the last step",
  "Shop: steps": "What is to be done for a job: planned, assigned, worked on, reported",
  "Shop: operators": "What an operator does next, and has done",
  "Shop: machines": "Machines: what they can do, are doing and have done",
  "Shop: processes": "Processes, routings of them, and which roles may do what",
  "Bank: accounts": "Accounts of customers, their balances, and what moved them",
  "Bank: transfers": "Deposits, withdrawals and transfers",
  "Bank: beneficiaries": "Whom the wires of a customer go to",
  "Bank: wires": "Money to other banks: priced, screened, approved, reviewed, sent, settled",
  "Bank: watchlist": "Names that the beneficiaries of wires are screened against",
  "Bank: KYC": "Who customers are: documents, reviews, levels",
  Ledger: "Accounts, transactions and the trial balance: where every amount comes from",
  "Bank: overview": "What is going on in the bank, of a business or of one customer",
  "Bank: statements": "Statements of account, as PDF and CSV",
  Chat: "Questions about your own figures, answered as they come",
  Customers: "People and companies that the business deals with",
  Business: "The business itself",
  Units: "Branches and sites of the business",
  Members: "Who works here, in which role",
  Settings: "Values that the business decides for itself",
  "Live updates": "What changes is told as it happens",
  Notifications: "What the caller should know",
  Files: "Uploads, checked by content and kept by hash",
  "Audit trail": "Who changed what, when; kept by the database",
  Health: "Is it up, is it ready, what are its parts doing",
};

/** The tags of a document, the known ones first and in their order. */
export function describeTags(used: ReadonlySet<string>): { name: string; description: string }[] {
  const known = Object.keys(tagDescriptions).filter((name) => used.has(name));
  const unknown = [...used].filter((name) => tagDescriptions[name] === undefined).toSorted();
  return [...known, ...unknown].map((name) => ({ name, description: tagDescriptions[name] ?? name }));
}
