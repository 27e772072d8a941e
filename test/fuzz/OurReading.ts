/**
 * An answer as our session reads it.
 */
import { hear } from "../../packages/http1/test/Recorder.ts"
import type { Input } from "./Inputs.ts"
import type { Reading } from "./Reading.ts"

export const readByUs = ({ method, pieces }: Pick<Input, "method" | "pieces">): Reading => {
  const interims: Array<string> = []
  let line = ""
  let headers: ReadonlyArray<string> = []
  let body = ""
  for (const event of hear(pieces, { head: { method }, isFinished: true })) {
    if (event === "writable") continue
    if ("informational" in event) {
      const [version, status] = event.informational.line.split(" ")
      interims.push(`${version} ${status} ${event.informational.headers.join()}`)
    } else if ("head" in event) ({ line, headers } = event.head)
    else if ("body" in event) body = event.body
    else if ("failure" in event) return { _tag: "refused", why: event.detail }
    else if ("complete" in event) {
      const answer = { interims, line, headers, body, trailers: event.trailers }
      return { _tag: "accepted", answer, hasExcess: event.complete === "excess-bytes" }
    } else return { _tag: "refused", why: "an upgrade" }
  }
  return { _tag: "refused", why: "the session neither completed nor failed the exchange" }
}
