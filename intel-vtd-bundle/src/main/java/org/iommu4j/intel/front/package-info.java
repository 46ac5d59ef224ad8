/**
 * What software sees of a VT-d unit, VT-d 6.5 and 11.4: registers with their handshakes, the invalidation queue with its
 * errors and waits, register-based invalidation, fault records, events. The simulated chip and the virtual unit in front of a
 * guest both stand behind it and say through {@link org.iommu4j.intel.front.CommandEffects} what an accepted command does.
 */
package org.iommu4j.intel.front;
