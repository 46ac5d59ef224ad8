/** The Arm SMMU: what a backend is made of, outside a framework. */
package org.iommu4j.arm;
