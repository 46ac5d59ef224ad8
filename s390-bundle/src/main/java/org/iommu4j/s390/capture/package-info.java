/** The capture format of zPCI. */
package org.iommu4j.s390.capture;
