export { type RecordLookupOptions, recordLookup } from "@weir/node/sockets"
export * as BunConnector from "./BunConnector.ts"
export { capabilityNotes } from "./capabilityNotes.ts"
