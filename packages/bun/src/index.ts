export * as BunConnector from "./BunConnector.ts"
export { capabilityNotes } from "./capabilityNotes.ts"
