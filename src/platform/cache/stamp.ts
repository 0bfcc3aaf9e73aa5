/** What an answer must say of itself to be judged. A generation of null was loaded while the cell was not live. */
export type Stamp = {
  readonly generation: string | null;
  readonly position: number;
  /** `cell.sequence` when the position was taken: which own commits the answer contains. */
  readonly sequence: number;
  /** Monotonic and wall instant before the load began; -Infinity when it was not this process that loaded. */
  readonly began: number;
  readonly began_wall: number;
  /** `cell.epoch` at which the answer was last found valid; the cell writes it. */
  judged: number;
};

/** What is known when an answer's lookup is about to be sent. */
export type Mark = Readonly<{
  generation: string | null;
  /** The latest number that is known to have been given, heard or given to a bump of our own: a position. */
  known: number;
  sequence: number;
  life: number;
  at: number;
  wall: number;
}>;
