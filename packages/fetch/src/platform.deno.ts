/**
 * Deno.
 */
import { DenoConnector } from "@weir/deno"
import type { Platform } from "./Platform.ts"

export const platform: Platform = { make: DenoConnector.make, looksIntoResponses: true, copiesHeaders: false }
