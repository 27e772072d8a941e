/**
 * Envoy's response flags, as far as this gateway sets them: what the access log says beside a status.
 */

/** In the order in which Envoy lists them. */
const flags = [
  /** The cluster has no endpoint. */
  "UH",
  /** The time for the answer was over. */
  "UT",
  /** The connect failed. */
  "UF",
  /** The endpoint ended the connection before its answer was complete. */
  "UC",
  /** A limit of the cluster was met. */
  "UO",
  /** No route matched. */
  "NR",
  /** The caller went away. */
  "DC",
  /** It would have been sent again, but as often as may be it had been. */
  "URX",
  /** Nothing moved for too long. */
  "SI",
  /** The caller's request could not be understood. */
  "DPE",
  /** The endpoint's answer was no HTTP. */
  "UPE"
] as const

export type ResponseFlag = (typeof flags)[number]

/** `UF,URX`; `-` for none. */
export const formatFlags = (set: ReadonlySet<ResponseFlag>): string =>
  set.size === 0 ? "-" : flags.filter((flag) => set.has(flag)).join(",")
