import packageJson from "../../package.json" with { type: "json" };

/** The version of this program, as `package.json` has it; compiled into the binary. */
export const version: string = packageJson.version;
