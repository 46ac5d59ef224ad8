/** IBM Z zPCI: the backend as plain classes. */
package org.iommu4j.s390;
