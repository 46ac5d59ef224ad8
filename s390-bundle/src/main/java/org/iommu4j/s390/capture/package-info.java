/** How captures of IBM Z machines are read. */
package org.iommu4j.s390.capture;
