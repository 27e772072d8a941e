export { type RecordLookupOptions, recordLookup } from "@weir/node"
export * as BunConnector from "./BunConnector.ts"
export { capabilityNotes } from "./capabilityNotes.ts"
