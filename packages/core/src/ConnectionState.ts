/**
 * The life of a pooled connection, as a table that is executed: a move that is not in it is a bug in the pool and dies.
 * The diagram in the documentation is generated from it.
 */

export type ConnectionState =
  /** Holds its permits; the dial runs. */
  | "connecting"
  /** No slot in use; may be leased. */
  | "idle"
  /** At least one slot in use; may have free ones. */
  | "leased"
  /** Reserved while a probe or a ping runs; no slot in use. */
  | "validating"
  /** Slots in use, takes no new lease; closes with the last one. */
  | "draining"
  /** Its scope is being closed; it still holds its permits. */
  | "closing"
  /** Permits given back. */
  | "closed"

export const transitions: Readonly<Record<ConnectionState, ReadonlyArray<ConnectionState>>> = {
  connecting: ["idle", "closing"],
  idle: ["leased", "validating", "closing"],
  leased: ["idle", "draining", "closing"],
  validating: ["idle", "closing"],
  draining: ["closing"],
  closing: ["closed"],
  closed: []
}

/** Dies on a move that the table does not have. */
export const assertTransition = (from: ConnectionState, to: ConnectionState): void => {
  // The two moves of every lease: looking them up in the table costs a tenth of the lease.
  if ((from === "idle" && to === "leased") || (from === "leased" && to === "idle")) return
  if (!transitions[from].includes(to)) {
    throw new Error(`a pooled connection cannot go from ${from} to ${to}`)
  }
}

/** The table as a Mermaid state diagram. */
export const toMermaid = (): string => {
  const lines = ["stateDiagram-v2", "  [*] --> connecting"]
  for (const [from, targets] of Object.entries(transitions)) {
    for (const to of targets) lines.push(`  ${from} --> ${to}`)
  }
  lines.push("  closed --> [*]")
  return lines.join("\n")
}
