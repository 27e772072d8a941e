/**
 * Every behaviour that is checked.
 */
import type { Spec } from "../Spec.ts"
import { abortSpecs } from "./aborts.ts"
import { bodySpecs } from "./bodies.ts"
import { redirectSpecs } from "./redirects.ts"
import { requestSpecs } from "./requests.ts"
import { responseSpecs } from "./responses.ts"

export const specs: ReadonlyArray<Spec> = [
  ...requestSpecs,
  ...bodySpecs,
  ...redirectSpecs,
  ...responseSpecs,
  ...abortSpecs
]
