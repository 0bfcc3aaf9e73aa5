import { businessTags, type Tag, userTags } from "../platform/cache/index.ts";

// Ids come from paths and bodies too, in whatever case PostgreSQL takes them: a tag in capitals would end nothing that
// was kept in small letters.
const small = (id: string): string => id.toLowerCase();

const sessions = userTags("session", { awaited: true });
const users = userTags("user", { awaited: true });
const memberships = userTags("memberships", { awaited: true });
const businesses = businessTags("business", { awaited: true });
const settings = businessTags("settings", { awaited: true });
const members = businessTags("members");
const customers = businessTags("customers");
const logins = businessTags("customer_logins");
const units = businessTags("units");
const files = businessTags("files");

/** One session of a person. */
export const sessionTag = (user_id: string, session_id: string): Tag =>
  sessions(small(user_id), small(session_id));
/** All sessions of a person. */
export const sessionsTag = (user_id: string): Tag => sessions(small(user_id));
/** The row of a person: who they are, whether they may log in, and since which password. */
export const userTag = (user_id: string): Tag => users(small(user_id));
/** Where a person is a member, and as what. */
export const membershipsTag = (user_id: string): Tag => memberships(small(user_id));
/** The row of a business. */
export const businessTag = (business_id: string): Tag => businesses(small(business_id));
/** All settings of a business: they are few and change seldom. */
export const settingsTag = (business_id: string): Tag => settings(small(business_id));
/** Who works in a business, as what, and under which name. */
export const membersTag = (business_id: string): Tag => members(small(business_id));
/** Any customer of a business: lists, counts and names beside other things. */
export const customersTag = (business_id: string): Tag => customers(small(business_id));
/** One customer. */
export const customerTag = (business_id: string, customer_id: string): Tag =>
  customers(small(business_id), small(customer_id));
/** Which customers of a business have which login: what a customer sees as their own. */
export const loginsTag = (business_id: string): Tag => logins(small(business_id));
/** Any unit of a business. */
export const unitsTag = (business_id: string): Tag => units(small(business_id));
/** Any file of a business, as lists of a record's files show it. */
export const filesTag = (business_id: string): Tag => files(small(business_id));
