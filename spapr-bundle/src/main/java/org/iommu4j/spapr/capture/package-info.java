/** The capture format of sPAPR. */
package org.iommu4j.spapr.capture;
