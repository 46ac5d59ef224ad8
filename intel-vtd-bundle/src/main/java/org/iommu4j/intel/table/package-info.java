/**
 * Structures in memory that VT-d hardware walks, VT-d 9: their bits, and walking them as the hardware does.
 */
package org.iommu4j.intel.table;
