/**
 * Configuration of other systems, as Weir's.
 */
export {}
