export { type RecordLookupOptions, recordLookup } from "@weir/node"
export { capabilityNotes } from "./capabilityNotes.ts"
export * as DenoConnector from "./DenoConnector.ts"
