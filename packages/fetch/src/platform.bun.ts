/**
 * Bun.
 */
import { BunConnector } from "@weir/bun"
import type { Platform } from "./Platform.ts"

export const platform: Platform = { make: BunConnector.make, looksIntoResponses: true, copiesHeaders: true }
