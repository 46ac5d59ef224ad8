/**
 * The zPCI facility: functions, their states and handles, and the instructions that control them,
 * docs/spec/s390-zpci.md 2, with their order of checks. What stands behind a registered function is its owner's: a chip
 * walks tables, a virtual IOMMU sends contract requests.
 *
 * <h2>Saved state of the functions</h2>
 *
 * <p>{@link org.iommu4j.s390.front.PciFacility#save}: int count of functions; of each string state, int life,
 * boolean registered, long pba, pal and IOTA, boolean interrupts, long the FIB's word of interrupts, its vector and summary
 * address, long measurement block, int GISA designation, long refreshes; then int interruption modes (bit n: subclass n single);
 * count of pending events, each bytes.
 */
package org.iommu4j.s390.front;
