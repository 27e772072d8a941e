export * as NodeConnector from "./NodeConnector.ts"
