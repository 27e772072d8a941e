/**
 * Node.
 */
import { NodeConnector } from "@weir/node"
import type { Platform } from "./Platform.ts"

export const platform: Platform = { make: NodeConnector.make, looksIntoResponses: false, copiesHeaders: false }
