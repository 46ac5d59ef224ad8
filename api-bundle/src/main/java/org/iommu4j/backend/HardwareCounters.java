package org.iommu4j.backend;

/**
 * Counters of a chip since it was made.
 *
 * @param commands commands consumed
 * @param hits accesses answered from a cache
 * @param walks accesses that walked the tables
 * @param faults accesses that were refused
 * @param dropped cached translations dropped by commands
 */
public record HardwareCounters(long commands, long hits, long walks, long faults, long dropped) {}
