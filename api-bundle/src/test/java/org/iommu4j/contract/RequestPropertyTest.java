package org.iommu4j.contract;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import org.iommu4j.testing.Property;
import org.iommu4j.testing.RequestGenerator;
import org.junit.jupiter.api.Test;

/** Laws of reading and writing requests. */
class RequestPropertyTest {
    private static final int RUNS = 5_000;

    @Test
    void decodeShouldBeTheInverseOfEncode() {
        Property.check(RUNS, random -> {
            Terms terms = SampleTerms.random(random);
            byte[] bytes = new RequestGenerator(terms).invalidate(random);
            RequestReader reader = new RequestReader(terms);

            assertEquals(Uapi.INVAL_IOTLB, read(reader, bytes, new Completion()));

            InvalidateRequest request = reader.invalidate();
            byte[] again = new RequestWriter(terms.abi(), terms.model(), request.subVersion())
                    .invalidate(
                            request.scope(),
                            request.flags(),
                            request.pasid(),
                            request.vaddr(),
                            request.size(),
                            Arrays.copyOfRange(
                                    request.payload(),
                                    request.payloadOffset(),
                                    request.payloadOffset() + request.payloadLength()));
            assertArrayEquals(withoutPadding(bytes, again.length, terms.abi()), again);
        });
    }

    @Test
    void decodeOfABindShouldBeTheInverseOfEncode() {
        Property.check(RUNS, random -> {
            Terms terms = SampleTerms.random(random);
            if (terms.bindFormats().isEmpty()) {
                return;
            }
            byte[] bytes = new RequestGenerator(terms).bind(random);
            RequestReader reader = new RequestReader(terms);

            assertEquals(Uapi.BIND_PGTABLE, read(reader, bytes, new Completion()));

            BindRequest request = reader.bind();
            byte[] again = new RequestWriter(terms.abi(), terms.model(), request.subVersion())
                    .bind(
                            request.operation(),
                            request.flags(),
                            Arrays.copyOfRange(
                                    request.payload(),
                                    request.payloadOffset(),
                                    request.payloadOffset() + request.payloadLength()));
            assertArrayEquals(bytes, again);
        });
    }

    @Test
    void anImageShouldSayTheSameInEveryAbi() {
        Property.check(RUNS, random -> {
            Terms little = withAbi(SampleTerms.random(random), Abi.LP64_LE);
            byte[] bytes = new RequestGenerator(little).invalidate(random);
            for (Abi abi : Abi.values()) {
                byte[] image = translated(bytes, abi);
                RequestReader reader = new RequestReader(withAbi(little, abi));

                assertEquals(Uapi.INVAL_IOTLB, read(reader, image, new Completion()), abi::label);
                assertEquals(
                        Uapi.VADDR.get(bytes, 0, Abi.LP64_LE),
                        reader.invalidate().vaddr());
                assertEquals(
                        Uapi.SIZE.get(bytes, 0, Abi.LP64_LE),
                        reader.invalidate().size());
                assertEquals(
                        Uapi.PASID.get(bytes, 0, Abi.LP64_LE),
                        reader.invalidate().pasid());
            }
        });
    }

    @Test
    void thePassShouldTakeOnlyWhatTheTableTakesAndReadItAlike() {
        Property.check(4 * RUNS, random -> {
            Terms terms = SampleTerms.random(random);
            RequestGenerator generator = new RequestGenerator(terms);
            byte[] bytes = random.nextInt(4) == 0 ? generator.invalidate(random) : generator.mutated(random);
            RequestReader fast = new RequestReader(terms);
            RequestReader whole = new RequestReader(terms);
            Rule broken = new RequestImage(terms)
                    .over(Uapi.VFIO_IOMMU_OP, bytes, 0, bytes.length)
                    .firstBroken();
            Completion completion = new Completion();

            boolean accepted = fast.accept(bytes, 0, bytes.length);
            int result = read(whole, bytes, completion);

            if (accepted) {
                assertNull(broken);
            }
            assertEquals(broken, completion.rule());
            assertEquals(broken == null, result > 0);
            if (result == Uapi.INVAL_IOTLB) {
                assertFieldsAreThoseOfTheBytes(whole.invalidate(), bytes, terms.abi());
            }
        });
    }

    @Test
    void thePassShouldTakeEveryLegalInvalidationWithoutPadding() {
        Property.check(RUNS, random -> {
            Terms terms = SampleTerms.random(random);
            byte[] bytes = new RequestGenerator(terms).invalidate(random);
            boolean padded = Uapi.ARGSZ.get(bytes, 0, terms.abi())
                    != 12 + Uapi.TLB_INVALIDATE.size(terms.abi()) + Uapi.DATA_LENGTH.get(bytes, 0, terms.abi());

            assertEquals(!padded, new RequestReader(terms).accept(bytes, 0, bytes.length));
        });
    }

    @Test
    void aRefusalShouldNameARuleThatTheCoreChecksAndItsError() {
        Property.check(4 * RUNS, random -> {
            Terms terms = SampleTerms.random(random);
            byte[] bytes = new RequestGenerator(terms).mutated(random);
            Completion completion = new Completion();

            int result = read(new RequestReader(terms), bytes, completion);

            assertTyped(result, completion, bytes.length);
        });
    }

    @Test
    void randomBytesShouldGetATypedAnswer() {
        Property.check(4 * RUNS, random -> {
            Terms terms = SampleTerms.random(random);
            byte[] bytes = new byte[random.nextInt(120)];
            random.nextBytes(bytes);
            if (bytes.length >= 8 && random.nextBoolean()) {
                Uapi.ARGSZ.put(bytes, 0, terms.abi(), random.nextInt(bytes.length + 1));
                Uapi.FLAG.put(bytes, 0, terms.abi(), 1L << random.nextInt(4));
            }
            Completion completion = new Completion();

            int result = new RequestReader(terms)
                    .read(
                            random.nextInt(8) == 0 ? random.nextLong() : Uapi.VFIO_IOMMU_OP,
                            bytes,
                            random.nextInt(8) == 0 ? random.nextInt() : 0,
                            random.nextInt(8) == 0 ? random.nextInt() : bytes.length,
                            completion);

            assertTyped(result, completion, bytes.length);
        });
    }

    @Test
    void aRequestThatIsCutAnywhereShouldBeAFault() {
        Property.check(500, random -> {
            Terms terms = SampleTerms.random(random);
            byte[] bytes = new RequestGenerator(terms).invalidate(random);
            RequestReader reader = new RequestReader(terms);
            Completion completion = new Completion();
            for (int readable = 0; readable < bytes.length; readable++) {
                assertEquals(Errno.EFAULT.code(), reader.read(Uapi.VFIO_IOMMU_OP, bytes, 0, readable, completion));
                assertEquals(readable < 4 ? Rule.V2 : Rule.V4, completion.rule());
            }
        });
    }

    private static void assertTyped(int result, Completion completion, int length) {
        if (result > 0) {
            assertTrue(result == Uapi.INVAL_IOTLB || result == Uapi.BIND_PGTABLE);
            return;
        }
        Rule rule = completion.rule();
        assertNotNull(rule);
        assertTrue(rule.errnos().contains(completion.errno()), completion::toString);
        assertEquals(completion.errno().code(), result);
        assertFalse(completion.field().isEmpty());
        assertTrue(completion.offset() >= -1 && completion.offset() <= Math.max(0, length), completion::toString);
    }

    private static void assertFieldsAreThoseOfTheBytes(InvalidateRequest request, byte[] bytes, Abi abi) {
        assertEquals(Uapi.SCOPE.get(bytes, 0, abi), request.scope());
        assertEquals(Uapi.FLAGS.get(bytes, 0, abi), request.flags());
        assertEquals(Uapi.PASID.get(bytes, 0, abi), request.pasid());
        assertEquals(Uapi.VADDR.get(bytes, 0, abi), request.vaddr());
        assertEquals(Uapi.SIZE.get(bytes, 0, abi), request.size());
        assertEquals(Uapi.SUB_VERSION.get(bytes, 0, abi), Integer.toUnsignedLong(request.subVersion()));
        assertEquals(Uapi.DATA_LENGTH.get(bytes, 0, abi), request.payloadLength());
        int behindTheFields = 12 + Uapi.TLB_INVALIDATE.size(abi);
        assertEquals(request.payloadLength() == 0 ? 0 : behindTheFields, request.payloadOffset());
    }

    private static int read(RequestReader reader, byte[] bytes, Completion completion) {
        return reader.read(Uapi.VFIO_IOMMU_OP, bytes, 0, bytes.length, completion);
    }

    private static Terms withAbi(Terms terms, Abi abi) {
        return new Terms(
                abi,
                terms.model(),
                terms.subVersion(),
                terms.payloadLengths(),
                terms.granuleShift(),
                terms.pasidBits(),
                terms.bindFormats());
    }

    /** The same request, field by field, in another image; padding is dropped. */
    private static byte[] translated(byte[] bytes, Abi abi) {
        int payloadLength = (int) Uapi.DATA_LENGTH.get(bytes, 0, Abi.LP64_LE);
        byte[] image = new byte[12 + Uapi.TLB_INVALIDATE.size(abi) + payloadLength];
        for (CStruct struct : new CStruct[] {Uapi.OPERATION_INFO, Uapi.TLB_INVALIDATE}) {
            for (CStruct.Field field : struct.fields()) {
                field.put(image, 0, abi, field.get(bytes, 0, Abi.LP64_LE));
            }
        }
        Uapi.ARGSZ.put(image, 0, abi, image.length);
        Uapi.LENGTH.put(image, 0, abi, image.length - 12);
        System.arraycopy(bytes, 60, image, image.length - payloadLength, payloadLength);
        return image;
    }

    private static byte[] withoutPadding(byte[] bytes, int length, Abi abi) {
        byte[] cut = Arrays.copyOf(bytes, length);
        Uapi.ARGSZ.put(cut, 0, abi, length);
        Uapi.LENGTH.put(cut, 0, abi, length - 12);
        return cut;
    }
}
