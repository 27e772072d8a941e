export * as NodeConnector from "./NodeConnector.ts"
export { type RecordLookupOptions, recordLookup } from "./RecordLookup.ts"
