/**
 * The frame of the specs, which those of other packages have too.
 */
export { bodyOf, type Handler, spec, type World } from "../../../../test/support/withServer.ts"
