import type { PoolEvent } from "@weir/core"

/** Events counted by tag and reason: `Closed peer-data`. */
export const eventKey = (event: PoolEvent): string =>
  "reason" in event
    ? `${event._tag} ${event.reason}`
    : event._tag === "Validated"
      ? `${event._tag} ${event.kind} ${event.isGood ? "good" : "bad"}`
      : event._tag
