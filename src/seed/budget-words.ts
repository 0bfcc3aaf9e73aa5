/** A category of a seeded budget: whom its money goes to or comes from, and how much at a time, in major units. */
export type SeededCategory = Readonly<{
  name: string;
  payees: readonly string[];
  low: number;
  high: number;
  /** Comes or goes once a month, on this day of it, and is never drawn; of the others one is drawn each time. */
  day?: number;
  rollover?: "reset" | "carry_surplus" | "carry_all" | "carry_floor";
}>;

/** The groups that everybody begins with, as `budget.create_budget` makes them, and what people have in them. */
export type SeededGroup = Readonly<{
  name: string;
  icon: string;
  target_bps: number;
  categories: readonly SeededCategory[];
}>;

/** One line a category: name, payees, least and greatest amount, and what is special about it. */
const of = (
  name: string,
  payees: string,
  [low, high]: readonly [number, number],
  special: Pick<SeededCategory, "day" | "rollover"> = {},
): SeededCategory => ({ name, payees: payees.split(", "), low, high, ...special });

export const budgetGroups: readonly SeededGroup[] = [
  {
    name: "income",
    icon: "wallet",
    target_bps: 0,
    categories: [
      of("Salary", "Harbour & Vale Works", [420_000, 420_000], { day: 25 }),
      of("Side work", "Studio Abeni, Print run", [30_000, 60_000], { day: 12 }),
    ],
  },
  {
    name: "freedom",
    icon: "trending-up",
    target_bps: 1_000,
    categories: [
      of("Emergency fund", "Savings plan", [15_000, 15_000], { day: 26 }),
      of("Investments", "Money market fund", [10_000, 10_000], { day: 27 }),
      of("Loan", "Cooperative", [9_000, 9_000], { day: 5, rollover: "carry_all" }),
      of("Pension", "Pension fund", [6_000, 6_000], { day: 28 }),
      of("Land", "Estate agent", [1_000, 3_000]),
      of("Fees", "Bank charges", [50, 300], { rollover: "carry_floor" }),
    ],
  },
  {
    name: "health",
    icon: "heart",
    target_bps: 1_000,
    categories: [
      of("Pharmacy", "HealthPlus, Medplus", [800, 6_000]),
      of("Clinic", "Dr Bello, St Anne's Clinic", [4_000, 12_000]),
      of("Gym", "Fit Factory", [8_000, 8_000], { day: 3, rollover: "reset" }),
      of("Insurance", "Leadway", [9_500, 9_500], { day: 10 }),
      of("Dentist", "Smile 360", [3_000, 9_000]),
      of("Sport", "Lagoon Pool, Ball court", [500, 3_000]),
    ],
  },
  {
    name: "spending",
    icon: "shopping-cart",
    target_bps: 5_000,
    categories: [
      of("Rent", "Mrs Adeyemi", [75_000, 75_000], { day: 1 }),
      of("Groceries", "Shoprite, Balogun Market, Corner shop, Justrite", [1_200, 9_000]),
      of("Transport", "BRT, Bolt, Danfo", [300, 2_500]),
      of("Electricity", "Ikeja Electric", [4_000, 9_000], { rollover: "carry_all" }),
      of("Water", "Waterboard", [2_500, 2_500], { day: 8 }),
      of("Airtime and data", "MTN, Airtel", [500, 3_000]),
      of("Clothes", "Yaba Market, Mr Price", [2_000, 12_000]),
      of("Children", "Nursery, Toy shop", [1_000, 8_000]),
      of("Household", "IKEA, Hardware store", [800, 9_000]),
      of("Fuel", "Total, Mobil", [3_000, 9_000]),
      of("Repairs", "Mechanic, Plumber", [2_000, 15_000], { rollover: "carry_floor" }),
      of("Hair", "Salon Kemi, Barber", [1_500, 5_000]),
    ],
  },
  {
    name: "learning",
    icon: "book",
    target_bps: 1_000,
    categories: [
      of("Books", "Terra Kulture, Roving Heights", [1_500, 7_000]),
      of("Courses", "Coursera, AltSchool", [4_000, 15_000]),
      of("School fees", "Greenfield School", [20_000, 20_000], { day: 15, rollover: "carry_all" }),
      of("Languages", "Alliance Française", [5_000, 9_000]),
    ],
  },
  {
    name: "entertainment",
    icon: "film",
    target_bps: 500,
    categories: [
      of("Cinema", "Filmhouse, Silverbird", [1_500, 5_000]),
      of("Restaurants", "Yellow Chilli, Bukka, Suya spot", [1_000, 9_000], { rollover: "reset" }),
      of("Streaming", "Netflix", [2_900, 2_900], { day: 14 }),
      of("Travel", "GIGM, Air Peace", [4_000, 30_000]),
    ],
  },
  {
    name: "contribution",
    icon: "gift",
    target_bps: 500,
    categories: [
      of("Family", "Mama, Uncle Femi", [3_000, 12_000]),
      of("Worship", "Parish", [1_000, 4_000]),
      of("Charity", "Red Cross, Food bank", [500, 5_000]),
      of("Gifts", "Flower shop, Bookshop", [1_000, 6_000]),
    ],
  },
];
