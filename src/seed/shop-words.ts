/** Words of the shop. Every list is in a fixed order: seeds pick from them by number. */
export const holdReasons = [
  "waiting for material",
  "customer to confirm drawing",
  "deposit not paid",
  "tool under repair",
] as const;
export const blockReasons = [
  "no material at the machine",
  "drawing unclear",
  "power failure",
  "first piece rejected",
] as const;
export const lossReasons = ["power failure", "tool change", "no operator", "material late"] as const;
export const downtimeReasons = ["belt worn", "oil leak", "planned service", "power failure"] as const;
export const units = ["pcs", "pcs", "pcs", "sets", "m", "kg"] as const;
export const stepNotes = [
  "First piece shown to the customer.",
  "Material of the second delivery used.",
  "Edge is sharp, take gloves.",
  "Same setting as last time.",
  "Two sheets spoiled while setting up.",
] as const;
export const revisionReasons = [
  "customer needs it later",
  "customer asked by telephone",
  "agreed with the workshop",
] as const;

/** In the order in which work runs through a shop; `group` is what a machine of that type can do. */
export const processes = [
  {
    code: "DESIGN",
    name: "Design and artwork",
    group: "Preparation",
    machine: false,
    production: false,
    minutes: 45,
  },
  {
    code: "PLATE",
    name: "Plate making",
    group: "Preparation",
    machine: true,
    production: false,
    minutes: 30,
  },
  { code: "CUT", name: "Cutting", group: "Cutting", machine: true, production: true, minutes: 20 },
  { code: "TURN", name: "Turning", group: "Machining", machine: true, production: true, minutes: 40 },
  { code: "MILL", name: "Milling", group: "Machining", machine: true, production: true, minutes: 50 },
  { code: "WELD", name: "Welding", group: "Fabrication", machine: false, production: true, minutes: 35 },
  { code: "PRINT", name: "Printing", group: "Printing", machine: true, production: true, minutes: 30 },
  { code: "SEW", name: "Sewing", group: "Garments", machine: true, production: true, minutes: 40 },
  { code: "FINISH", name: "Finishing", group: "Finishing", machine: true, production: true, minutes: 25 },
  { code: "ASSEMBLE", name: "Assembly", group: "Finishing", machine: false, production: true, minutes: 30 },
  { code: "INSPECT", name: "Inspection", group: "Quality", machine: false, production: false, minutes: 15 },
  { code: "PACK", name: "Packing", group: "Dispatch", machine: false, production: false, minutes: 15 },
] as const;

/** Processes that are not open to everybody, and what roles beside staff may do there. */
export const permissions = [
  { process: "DESIGN", role: "operator", can_work: true, can_assign: false },
  { process: "DESIGN", role: "clerk", can_work: false, can_assign: true },
  { process: "WELD", role: "operator", can_work: true, can_assign: false },
  { process: "INSPECT", role: "operator", can_work: true, can_assign: false },
  { process: "PACK", role: "operator", can_work: true, can_assign: true },
  { process: "PACK", role: "clerk", can_work: false, can_assign: true },
] as const;

export const machineTypes = [
  { code: "PM", name: "Plate maker", does: ["PLATE"], capacity: 1 },
  { code: "GL", name: "Guillotine", does: ["CUT"], capacity: 1 },
  { code: "LT", name: "Lathe", does: ["TURN"], capacity: 1 },
  { code: "ML", name: "Milling centre", does: ["MILL", "TURN"], capacity: 1 },
  { code: "PR", name: "Offset press", does: ["PRINT"], capacity: 1 },
  { code: "SW", name: "Sewing line", does: ["SEW"], capacity: 2 },
  { code: "FN", name: "Finishing bench", does: ["FINISH", "CUT"], capacity: 2 },
] as const;

/** How a machine is now; `down`: it is active and stands still. */
export type MachineState = "active" | "down" | "maintenance" | "inactive";

/** What the shop makes, and through which processes it goes: `needs` names steps before, counted from 1. */
export const routings = [
  {
    name: "Turned part",
    steps: [
      { process: "CUT", needs: [] },
      { process: "TURN", needs: [1] },
      { process: "FINISH", needs: [2] },
      { process: "INSPECT", needs: [3] },
    ],
    products: ["Drive shaft", "Bearing housing", "Gear blank", "Coupling", "Spindle", "Roller", "Valve seat"],
    finishes: ["mild steel", "stainless 304", "brass", "heat treated", "ground finish", "as drawing rev B"],
  },
  {
    name: "Milled part",
    steps: [
      { process: "CUT", needs: [] },
      { process: "MILL", needs: [1] },
      { process: "INSPECT", needs: [2] },
    ],
    products: ["Mounting bracket", "Pump flange", "Jig plate", "Manifold block", "Heat sink", "Tool holder"],
    finishes: ["aluminium 6061", "stainless 304", "anodised", "laser engraved", "as sample", "repeat order"],
  },
  {
    name: "Welded frame",
    steps: [
      { process: "CUT", needs: [] },
      { process: "TURN", needs: [] },
      { process: "WELD", needs: [1, 2] },
      { process: "FINISH", needs: [3] },
    ],
    products: ["Guard rail", "Gate panel", "Base frame", "Cable tray", "Stair nosing", "Hinge plate"],
    finishes: ["galvanised", "powder coated", "mild steel", "as drawing rev B"],
  },
  {
    name: "Printed matter",
    steps: [
      { process: "DESIGN", needs: [] },
      { process: "PLATE", needs: [1] },
      { process: "PRINT", needs: [2] },
      { process: "PACK", needs: [3] },
    ],
    products: ["Business cards", "Letterheads", "Flyers", "Menu cards", "Price labels", "Carton sleeve"],
    finishes: ["4 colour", "2 colour", "matt laminated", "gloss", "die cut", "repeat order"],
  },
  {
    name: "Bound book",
    steps: [
      { process: "DESIGN", needs: [] },
      { process: "PRINT", needs: [1] },
      { process: "PRINT", needs: [1] },
      { process: "ASSEMBLE", needs: [2, 3] },
      { process: "PACK", needs: [4] },
    ],
    products: ["Exercise books", "Receipt books", "Wall calendar", "Wedding programme"],
    finishes: ["spiral bound", "numbered", "4 colour", "gloss"],
  },
  {
    name: "Garment",
    steps: [
      { process: "CUT", needs: [] },
      { process: "SEW", needs: [1] },
      { process: "PACK", needs: [2] },
    ],
    products: ["School uniforms", "Work overalls", "Safety vests", "Polo shirts", "Tote bags", "Seat covers"],
    finishes: ["cotton twill", "hi-vis", "embroidered", "screen printed", "as sample"],
  },
] as const;
