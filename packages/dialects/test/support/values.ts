import type { Knob, KnobValue, Reading } from "../../src/index.ts"

/** What a reading says by itself, for all routes or for some: knob by knob, without what the system has no setting for. */
export const valuesOf = (reading: Reading, match = "*"): Partial<Record<Knob, KnobValue>> =>
  Object.fromEntries(
    reading.entries.flatMap((entry) =>
      entry.match === match && entry.kind !== "absent" ? [[entry.knob, entry.value] as const] : []
    )
  )

/** Only what is written in the input. */
export const writtenIn = (reading: Reading, match = "*"): Partial<Record<Knob, KnobValue>> =>
  Object.fromEntries(
    reading.entries.flatMap((entry) =>
      entry.match === match && entry.kind === "written" ? [[entry.knob, entry.value] as const] : []
    )
  )

export const sourceIn = (reading: Reading, knob: Knob, match = "*"): string | undefined =>
  reading.entries.find((entry) => entry.knob === knob && entry.match === match)?.source

/** `${NAME}`, as Spring writes it. */
export const placeholder = (inside: string): string => ["$", "{", inside, "}"].join("")
