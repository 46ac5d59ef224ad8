/** Translation tables in memory, docs/spec/s390-zpci.md 3: their bits, and walking them as the hardware does. */
package org.iommu4j.s390.table;
